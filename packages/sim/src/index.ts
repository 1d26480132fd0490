export { type Sabotage, type SimulationOptions, type SimulationReport, simulate } from './simulation.js'
export { Violation } from './violation.js'
