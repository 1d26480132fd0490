export { type InProcessRegion, type InProcessReply, serveInProcess } from './in-process.js'
