export * from './close-codes.js'
export * from './room.js'
export * from './system-ports.js'
