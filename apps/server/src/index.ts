export * from './config.js'
export { createLog, type ServerLog } from './logging.js'
export { type Parts, type RunningServer, startServer } from './serve.js'
export { API_VERSION, VERSION } from './version.js'
