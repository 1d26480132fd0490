import { hash32 } from '@meridian/core'

/** 52 bits of an id, never 0. Of ten million dead labels one is taken for another id's with a chance of 1 in 400 million. */
export const idHash = (id: string): number => hash32(id) * 0x100000 + (hash32(id, 0x9747b28c) & 0xffffe) + 1

/** Of a label whose id is not known. */
export const UNKNOWN_ID = 0

/** Whose vectors the dead labels of a graph hold: by label, the hash of its id. Nothing of a label that lives. */
export class Buried {
  #hashes = new Float64Array(0)

  add(label: number, hash: number): void {
    if (label >= this.#hashes.length) {
      const wider = new Float64Array(Math.max(label + 1, Math.ceil(this.#hashes.length * 1.5)))
      wider.set(this.#hashes)
      this.#hashes = wider
    }
    this.#hashes[label] = hash
  }

  /** `UNKNOWN_ID` for a label that lives, too. */
  at(label: number): number {
    return this.#hashes[label] ?? UNKNOWN_ID
  }

  has(hash: number): boolean {
    return this.#hashes.includes(hash)
  }
}
