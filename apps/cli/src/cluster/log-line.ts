/** Colours of regions in the order they are named; ANSI codes. */
const COLOURS = [36, 35, 33, 32, 34, 31]

const paint = (text: string, code: number, isColoured: boolean): string =>
  isColoured ? `\x1b[${code}m${text}\x1b[0m` : text

/** What stands before every line of a region. */
export const regionPrefix = (region: string, index: number, width: number, isColoured: boolean): string =>
  `${paint(region.padEnd(width), COLOURS[index % COLOURS.length]!, isColoured)} ${paint('|', 2, isColoured)} `

/** pino's numbers; the regions write the names. */
const LEVEL_NAMES: Readonly<Record<string, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}
const LEVEL_COLOURS: Readonly<Record<string, number>> = { trace: 2, debug: 2, warn: 33, error: 31, fatal: 31 }

/** Said by the prefix, or of no use to a reader. */
const HIDDEN = new Set(['level', 'time', 'msg', 'region', 'pid', 'hostname', 'v', 'name'])
const VALUE_CHARS_MAX = 160

/** A JSON log line as a person reads it: level, message, fields. Any other line comes back as it is. */
export const readableLog = (line: string, isColoured: boolean): string => {
  const record = parse(line)
  if (record === undefined) return line
  const level = String(record.level ?? '')
  const name = LEVEL_NAMES[level] ?? level
  const fields = Object.entries(record).filter(([key]) => !HIDDEN.has(key))
  const shown = fields.map(([key, value]) => paint(`${key}=${fieldText(value)}`, 2, isColoured))
  return [paint(name.padEnd(5), LEVEL_COLOURS[name] ?? 0, isColoured), String(record.msg ?? ''), ...shown]
    .filter((part) => part !== '')
    .join(' ')
}

const parse = (line: string): Record<string, unknown> | undefined => {
  if (!line.startsWith('{')) return undefined
  try {
    const record = JSON.parse(line) as Record<string, unknown>
    return 'msg' in record || 'level' in record ? record : undefined
  } catch {
    return undefined
  }
}

const fieldText = (value: unknown): string => {
  if (typeof value === 'object' && value !== null && 'message' in value) return JSON.stringify(value.message)
  const text = typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)
  return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX)}...` : text
}
