export * from './api.js'
export { decodeMessage, encodeMessage, type Message, PROTOCOL_VERSION } from './message.js'
export { Replica, type ReplicaOptions } from './replica.js'
export { DEFAULT_SETTINGS, type Settings } from './settings.js'
