/** A point in time, exact to the nanosecond: whole milliseconds since 1970 (UTC) and the nanoseconds beyond them. */
export interface Instant {
  readonly ms: number
  /** 0 to 999,999. */
  readonly ns: number
}

const FORM =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:([Tt ])(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?(?:\s*([Zz]|UTC|[+-]\d{2}(?::?\d{2})?))?)?)?$/
const DAY_MS = 86_400_000

/**
 * Reads a date in RFC 3339 and in the looser forms that Qdrant takes: `T`, `t` or a space between date and time, an offset
 * as `Z`, `UTC`, `+02:00`, `+0200` or `+02`, a fraction of any length (digits past the ninth are dropped), no offset at all
 * (then UTC), no seconds (only after a space and without an offset), no time (midnight). A leap second is the first second
 * of the next minute. Days that are not in the calendar, and anything else, give `undefined`.
 */
export const parseInstant = (text: string): Instant | undefined => {
  // The cheap check spares most strings of a scan the expression.
  if (text.length < 8 || text[4] !== '-') return undefined
  const found = FORM.exec(text)
  if (!found) return undefined
  const [, year, month, day, separator, hour, minute, second, fraction, zone] = found
  if (separator !== undefined && separator !== ' ' && second === undefined) return undefined
  const days = dayNumber(Number(year), Number(month), Number(day))
  const time = timeMs(Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0))
  const offset = zone === undefined ? 0 : offsetMs(zone)
  if (days === undefined || time === undefined || offset === undefined) return undefined
  const nanos = fraction === undefined ? 0 : Number(fraction.slice(0, 9).padEnd(9, '0'))
  return { ms: days * DAY_MS + time - offset + Math.floor(nanos / 1e6), ns: nanos % 1e6 }
}

/** Negative when `a` is earlier, 0 when they are the same. */
export const compareInstants = (a: Instant, b: Instant): number => a.ms - b.ms || a.ns - b.ns

/** Days since 1970-01-01. `Date.UTC` alone would move day 31 of a short month into the next, and years below 100 to 19xx. */
const dayNumber = (year: number, month: number, day: number): number | undefined => {
  // The Gregorian calendar repeats after 400 years of 146,097 days.
  const date = new Date(Date.UTC(year + 400, month - 1, day))
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  return date.getTime() / DAY_MS - 146_097
}

const timeMs = (hour: number, minute: number, second: number): number | undefined =>
  hour < 24 && minute < 60 && second <= 60 ? ((hour * 60 + minute) * 60 + second) * 1000 : undefined

const offsetMs = (zone: string): number | undefined => {
  const sign = zone.startsWith('-') ? -1 : 1
  if (sign === 1 && !zone.startsWith('+')) return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(3).replace(':', ''))
  return hours < 24 && minutes < 60 ? sign * (hours * 60 + minutes) * 60_000 : undefined
}
