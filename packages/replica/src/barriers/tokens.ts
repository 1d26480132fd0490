import type { ReplicaId, VersionVector } from '@meridian/core'
import type { CatalogPlane } from '../catalog-plane.js'
import type { Identity } from '../identity.js'
import type { TransactionLog } from '../transaction-log.js'
import { formatToken, parseToken } from './token.js'

/** Tokens of sessions: vectors as text, checked against the members that this replica knows. */
export class Tokens {
  #last: { readonly vector: VersionVector; readonly version: number; readonly text: string } | undefined

  constructor(
    readonly identity: Identity,
    readonly log: TransactionLog,
    readonly catalog: CatalogPlane,
  ) {}

  format(vector: VersionVector): string {
    const { version } = this.catalog.document
    // Every answer has one, and most have the same as the one before.
    if (this.#last?.vector !== vector || this.#last.version !== version)
      this.#last = { vector, version, text: formatToken(vector, (replica) => this.#storeOf(replica)) }
    return this.#last.text
  }

  /** @throws StoreError `BAD_REQUEST`: damaged, of another cluster, or of a future that cannot be. */
  parse(text: string): VersionVector {
    const { replica } = this.identity
    return parseToken(text, {
      self: replica,
      own: this.log.vector.get(replica),
      storeOf: (each) => this.#storeOf(each),
      others: this.catalog.document.members().filter((member) => member.replica !== replica).length,
    })
  }

  #storeOf(replica: ReplicaId): string | undefined {
    if (replica === this.identity.replica) return this.identity.storeId
    return this.catalog.document.members().find((member) => member.replica === replica)?.storeId
  }
}
