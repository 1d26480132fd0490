/*
 * Loaded into a region's process before its main module (`node --import`): reads at linearizable are answered without the phase
 * that makes sure that a majority has what was seen. The product knows nothing of it.
 */
import { Register } from '@meridian/replica'

Register.prototype.writeBack = (...args) => args.at(-1)({ ok: true, value: true })
