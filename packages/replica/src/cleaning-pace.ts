/** Below this much of what may stay, cleaning is in no hurry: once in a step of maintenance. */
const CALM = 0.75
/** From here on it takes half of the time: writes that go on like this would outrun it. */
export const PRESSING = 1.25
/** Rests as multiples of the time that the step before took. */
const REST_CALM = 20
const REST_PRESSING = 1
/** Longest rest, and shortest, so that requests get their turn after steps that take no time. */
const REST_MS_MAX = 1000
const REST_MS_MIN = 5

/**
 * Rest after a step of cleaning that took `tookMs`, its commit included, by the `debt` that it found (`cleaningDebt`: 1 is the bound);
 * `undefined`: until the next step of maintenance. A machine that is slow, or busy with requests, takes longer for a step and
 * rests longer.
 */
export const restMs = (debt: number, tookMs: number): number | undefined => {
  if (debt < CALM) return undefined
  const hurry = Math.min(1, (debt - CALM) / (PRESSING - CALM))
  const times = REST_CALM * (REST_PRESSING / REST_CALM) ** hurry
  return Math.min(REST_MS_MAX, Math.max(REST_MS_MIN, tookMs * times))
}
