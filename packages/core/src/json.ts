export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject
export interface JsonObject {
  [key: string]: JsonValue
}

/**
 * Payloads nest at most this deep: what is stored must be readable by code that recurses over it, `JSON.stringify` included
 * (its stack ends at about 4,000 levels). The HTTP door is far stricter.
 */
export const JSON_DEPTH_MAX = 512

/** Whether `value` holds arrays or objects nested more than `levels` deep; a value that holds nothing has depth 0. */
export const isDeeperThan = (value: JsonValue, levels: number): boolean => {
  if (value === null || typeof value !== 'object') return false
  if (levels === 0) return true
  for (const inner of Array.isArray(value) ? value : Object.values(value))
    if (isDeeperThan(inner, levels - 1)) return true
  return false
}

/** Sets an own property whatever its name is: a plain assignment of `__proto__` would change the prototype instead. */
export const setOwn = (target: JsonObject, key: string, value: JsonValue): void => {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else target[key] = value
}

/** JSON text with keys sorted at every level: equal values have equal text. */
export const canonicalJson = (value: JsonValue): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const keys = Object.keys(value).sort()
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key]!)}`).join(',')}}`
  }
  return JSON.stringify(value)
}
