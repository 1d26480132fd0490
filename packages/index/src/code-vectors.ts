import type { Metric } from '@meridian/core'
import { ENGINE, type Graph } from './graph.js'
import type { Quantizer } from './quantizer.js'

/** Decoded in one go. */
const PIECE_BYTES = 256 * 1024

/** The vectors of a graph whose codes say all of them: they are read out of it, and nowhere else. */
export class CodeVectors {
  readonly #codes: Int8Array
  readonly #room: Float32Array
  readonly #perPiece: number

  /** `quantizer` is whole. */
  constructor(
    readonly graph: Graph,
    readonly quantizer: Quantizer,
  ) {
    const { dims } = graph.shape
    this.#codes = new Int8Array(dims)
    this.#perPiece = Math.max(1, Math.floor(PIECE_BYTES / (4 * dims)))
    this.#room = new Float32Array(this.#perPiece * dims)
  }

  read(label: number, into: Float32Array): void {
    this.graph.vector(label, this.#codes)
    this.quantizer.decode(this.#codes, into)
  }

  /** As `ScoreVectors`, of the vectors of labels. */
  score(metric: Metric, query: Float32Array, labels: Uint32Array, scores: Float32Array): void {
    const { dims } = this.graph.shape
    for (let first = 0; first < labels.length; first += this.#perPiece) {
      const count = Math.min(this.#perPiece, labels.length - first)
      for (let i = 0; i < count; i++) this.read(labels[first + i]!, this.#room.subarray(i * dims, (i + 1) * dims))
      const positions = Uint32Array.from({ length: count }, (_, i) => i)
      ENGINE.scoreVectors(metric, query, [this.#room], this.#perPiece, positions, scores.subarray(first))
    }
  }
}
