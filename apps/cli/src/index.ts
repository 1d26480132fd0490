export { EXIT } from './exit.js'
export { buildProgram, run } from './program.js'
