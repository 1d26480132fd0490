import { availableParallelism } from 'node:os'
import type { VectorIndex } from '@meridian/core'
import type { Replica } from '@meridian/replica'
import { systemTimers } from '@meridian/transport'
import type { Config } from '../config.js'
import { pendingBytes } from '../region.js'
import { Intake } from './intake.js'
import { memoryUsed } from './memory-use.js'

/** What a region of this process lets in. */
export const regionIntake = (config: Config, replica: Replica, index: VectorIndex): Intake =>
  new Intake({
    timers: systemTimers,
    pendingBytes: (name) => pendingBytes(index, replica.collection(name)),
    pendingBytesMax: config.indexPendingBytesMax,
    pendingBytesSlow: config.indexPendingBytesSlow,
    isShared: availableParallelism() <= 2,
    memoryUsed,
    memoryMaxBytes: config.memoryMaxBytes,
  })
