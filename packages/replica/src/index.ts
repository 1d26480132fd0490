export * from './api.js'
export { Replica, type ReplicaOptions } from './replica.js'
