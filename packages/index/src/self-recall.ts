import { NO_ROW } from './keeper.js'
import type { Layer } from './layer.js'
import { EF_DEFAULT } from './query.js'
import type { Rows } from './rows.js'

/** Questions of one measurement: tells 0.97 from 0.99 nearly always. */
const QUESTIONS = 200
/** Measured again after this many changes of the graph, and this share of its slots. */
const CHANGES_MIN = 1000
const CHANGES_SHARE = 0.1
/** Labels tried for one question before it is left out. */
const TRIES = 16

/**
 * Quality of a graph without knowing the truth: the share of a sample of its vectors that a search for them finds. A graph that
 * lost links finds fewer. One question at a time, so that it costs a search and no more.
 */
export class SelfRecall {
  #asked = 0
  #found = 0
  #state: number
  #value: number | undefined
  #whenNew: number | undefined
  #revision: number

  /** `isNew`: the graph was built in this process and has not changed since; a loaded one is not measured until it changes. */
  constructor(
    readonly layer: Layer,
    readonly isNew: boolean,
  ) {
    this.#revision = layer.revision
    this.#state = layer.graph.slots
  }

  /** Of the last whole measurement. */
  get value(): number | undefined {
    return this.#value
  }

  get whenNew(): number | undefined {
    return this.#whenNew
  }

  get isDue(): boolean {
    if (this.layer.graph.live === 0) return false
    if (this.#asked > 0 || (this.isNew && this.#value === undefined)) return true
    const { graph, revision } = this.layer
    return revision - this.#revision > Math.max(CHANGES_MIN, graph.slots * CHANGES_SHARE)
  }

  /** Asks one question. */
  ask(rows: Rows): void {
    if (this.#asked === 0) this.#revision = this.layer.revision
    const row = this.#sample()
    if (row === undefined || this.#finds(row, rows)) this.#found++
    if (++this.#asked < QUESTIONS) return
    this.#value = this.#found / this.#asked
    if (this.isNew) this.#whenNew ??= this.#value
    this.#asked = 0
    this.#found = 0
  }

  /** A row of the graph, each about as likely; the same ones for the same graph. */
  #sample(): number | undefined {
    for (let tries = 0; tries < TRIES; tries++) {
      this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
      const row = this.layer.rowOf(Math.floor((this.#state / 2 ** 32) * this.layer.graph.slots))
      if (row !== NO_ROW) return row
    }
    return undefined
  }

  /** The vector itself or one that equals it. */
  #finds(row: number, rows: Rows): boolean {
    const { layer } = this
    const vector = rows.storedAt(row).slice()
    const own = layer.labelOf(row)
    const found = layer.graph.search(layer.embedding.row(vector), EF_DEFAULT, EF_DEFAULT)
    for (let i = 0; i < found.length; i++) if (found[i] === own) return true
    for (let i = 0; i < found.length; i++) {
      const other = layer.rowOf(found[i]!)
      if (other !== NO_ROW && isEqual(vector, rows.storedAt(other))) return true
    }
    return false
  }
}

const isEqual = (a: Float32Array, b: Float32Array): boolean => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
