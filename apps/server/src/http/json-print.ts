/**
 * JSON text of an answer. A `bigint` prints as its digits: ids beyond 2^53 are numbers on the wire. They are rare, so the
 * fast printer goes first and the slow one only runs when it stumbles over one.
 */
export const printJson = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch (error) {
    if (error instanceof TypeError) return printSlowly(value)
    throw error
  }
}

const printSlowly = (value: unknown): string => {
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if ('toJSON' in value && typeof value.toJSON === 'function') return printSlowly(value.toJSON())
  if (Array.isArray(value)) return `[${value.map(printSlowly).join(',')}]`
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${printSlowly(member)}`).join(',')}}`
}
