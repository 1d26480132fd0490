export type { NodeHooks, SimNode } from './sim-node.js'
export { type Sabotage, type SimulationOptions, type SimulationReport, simulate } from './simulation.js'
export { type Check, Violation } from './violation.js'
