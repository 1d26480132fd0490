import { ByteWriter } from '../bytes.js'
import { sealFrame } from '../frame.js'

/** A sound frame around any body. */
export const frameOf = (body: Uint8Array): Uint8Array => sealFrame(new ByteWriter(body.length + 4).raw(body))
