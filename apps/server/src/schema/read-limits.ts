import { AsyncLocalStorage } from 'node:async_hooks'

/** Bounds on what a body may say, where the readers are too far from the configuration to be handed it. */
export interface ReadLimits {
  readonly areTextIdsTaken: boolean
  readonly filterConditionsMax: number
  readonly dimensionsMax: number
}

const DEFAULTS: ReadLimits = { areTextIdsTaken: true, filterConditionsMax: 1000, dimensionsMax: 65_536 }
const NAMES = Object.keys(DEFAULTS) as (keyof ReadLimits)[]
const scope = new AsyncLocalStorage<ReadLimits>()

/** Those of the request that is being read. */
export const readLimits = (): ReadLimits => scope.getStore() ?? DEFAULTS

/** Runs under `limits`. Tracking them through awaits costs a little, so a region that keeps the defaults does not. */
export const withReadLimits = <T>(limits: ReadLimits, run: () => T): T => {
  return NAMES.every((name) => limits[name] === DEFAULTS[name]) ? run() : scope.run(limits, run)
}
