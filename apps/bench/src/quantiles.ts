export interface Quantiles {
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

/** By nearest rank, in milliseconds with two decimals. `times` must not be empty. */
export const quantiles = (times: readonly number[]): Quantiles => {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share: number): number => Number(sorted[Math.ceil(share * sorted.length) - 1]!.toFixed(2))
  return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) }
}
