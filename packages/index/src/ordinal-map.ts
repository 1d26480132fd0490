const PAGE = 4096
/** What is looked up and not there. No value may be this. */
export const ABSENT = 0xffffffff

/**
 * u32 to u32 in pages that exist where something is in them: four bytes an entry when keys lie close together, as ordinals do,
 * and a lookup costs two array reads.
 */
export class OrdinalMap {
  readonly #pages: (Uint32Array | undefined)[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** `ABSENT` if there is none. */
  get(key: number): number {
    const page = this.#pages[Math.floor(key / PAGE)]
    return page === undefined ? ABSENT : page[key % PAGE]!
  }

  set(key: number, value: number): void {
    const index = Math.floor(key / PAGE)
    let page = this.#pages[index]
    if (page === undefined) {
      page = new Uint32Array(PAGE).fill(ABSENT)
      this.#pages[index] = page
    }
    if (page[key % PAGE] === ABSENT) this.#size++
    page[key % PAGE] = value
  }

  delete(key: number): void {
    const page = this.#pages[Math.floor(key / PAGE)]
    if (page === undefined || page[key % PAGE] === ABSENT) return
    page[key % PAGE] = ABSENT
    this.#size--
  }
}
