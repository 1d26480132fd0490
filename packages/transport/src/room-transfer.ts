import type { Room } from './room.js'

/** What is pulled, and so encoded, in the tick in which a round starts; a round that fits is the last. */
const ROUND_START_BYTES = 2 * 1024 * 1024

export interface RoomBatch {
  readonly updates: readonly Uint8Array[]
  /** With this batch the client has all that the room held in the tick of the call. */
  readonly last: boolean
}

/**
 * Answers one state vector in batches, however long the client takes between them and whatever the document does meanwhile.
 *
 * It goes in rounds. A round streams what the vector lacks; the next asks for what came after the first pull of the one
 * before, and so on until a round was begun and ended in one tick. Whoever subscribes in that tick misses nothing, and no
 * change is ever queued for a slow client: what it has not been sent yet is still in the document.
 */
export class RoomTransfer {
  readonly #room: Room
  /** The client holds everything up to here once the round is over. */
  #reached: Uint8Array
  #from: Uint8Array
  #round: Iterator<Uint8Array> | undefined

  constructor(room: Room, stateVector: Uint8Array) {
    this.#room = room
    this.#from = stateVector
    this.#reached = stateVector
  }

  /** The next batch; not to be called again after the last one. Throws what the room throws. */
  next(): RoomBatch {
    if (this.#round !== undefined) {
      const pulled = this.#round.next()
      if (!pulled.done) return { updates: [pulled.value], last: false }
      this.#from = this.#reached
    }
    this.#reached = this.#room.encodeStateVector()
    const round = this.#room.encodeState(this.#from)[Symbol.iterator]()
    this.#round = round
    const updates: Uint8Array[] = []
    for (let bytes = 0; bytes < ROUND_START_BYTES; ) {
      const pulled = round.next()
      if (pulled.done) return { updates, last: true }
      updates.push(pulled.value)
      bytes += pulled.value.length
    }
    return { updates, last: false }
  }

  /** Lets go of what the room holds for a transfer that will not be finished. */
  close(): void {
    this.#round?.return?.()
  }
}
