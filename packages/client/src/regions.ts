import { ClientError } from './client-error.js'
import type { Endpoint } from './endpoint.js'

export interface RegionsOptions {
  /** A probe that takes longer counts as failed. */
  readonly probeTimeoutMs: number
  /** Age at which the next call starts a new round of probes beside itself. */
  readonly reprobeMs: number
  readonly nowMs: () => number
}

interface Place {
  readonly endpoint: Endpoint
  /** Of the last probe of `/readyz` that was answered with 200. */
  latencyMs: number
  isHealthy: boolean
}

/** Another region must be this much nearer before a healthy one is left: moving costs a session its own latest writes. */
const NEARER = 0.5

/**
 * Which of several regions to call. The nearest healthy one, by the latency of `/readyz`; it is kept until it fails or
 * another is twice as near. There are no timers: probes start with calls, the first call waits for them, later ones do not.
 */
export class Regions {
  readonly #places: readonly Place[]
  readonly #options: RegionsOptions
  #current: Place
  #probedAtMs: number | undefined
  #probing: Promise<void> | undefined

  /** `endpoints` has one or more; with one, nothing is ever probed. */
  constructor(endpoints: readonly [Endpoint, ...Endpoint[]], options: RegionsOptions) {
    const [first, ...others] = endpoints.map((endpoint) => ({ endpoint, latencyMs: 0, isHealthy: true }))
    if (first === undefined) throw new TypeError('at least one URL is needed')
    this.#places = [first, ...others]
    this.#current = first
    this.#options = options
  }

  get current(): Endpoint {
    return this.#current.endpoint
  }

  get count(): number {
    return this.#places.length
  }

  /** Whether another region than the failed one can be asked at once. */
  get hasHealthy(): boolean {
    return this.count > 1 && this.#places.some(({ isHealthy }) => isHealthy)
  }

  /** With every region down it gives the one after the last, so that the caller sees a real error and all are tried in turn. */
  async pick(): Promise<Endpoint> {
    if (this.count === 1) return this.#current.endpoint
    if (this.#probedAtMs === undefined || !this.hasHealthy) await this.#probe()
    else if (this.#options.nowMs() - this.#probedAtMs >= this.#options.reprobeMs) void this.#probe()
    return this.#current.endpoint
  }

  /** A call to `endpoint` failed so that another region may do better. It is left out until a probe finds it ready. */
  failed(endpoint: Endpoint): void {
    const at = this.#places.findIndex((place) => place.endpoint === endpoint)
    const place = this.#places[at]!
    place.isHealthy = false
    if (place !== this.#current) return
    this.#current = this.#nearest() ?? this.#places[(at + 1) % this.count]!
  }

  #probe(): Promise<void> {
    this.#probing ??= Promise.all(this.#places.map((place) => this.#probeOne(place))).then(() => {
      this.#probing = undefined
      this.#probedAtMs = this.#options.nowMs()
      const nearest = this.#nearest()
      if (nearest === undefined) return
      if (!this.#current.isHealthy || nearest.latencyMs < this.#current.latencyMs * NEARER) this.#current = nearest
    })
    return this.#probing
  }

  async #probeOne(place: Place): Promise<void> {
    const startedMs = this.#options.nowMs()
    try {
      const { status } = await place.endpoint.text({
        method: 'GET',
        path: '/readyz',
        timeoutMs: this.#options.probeTimeoutMs,
      })
      place.isHealthy = status === 200
      place.latencyMs = this.#options.nowMs() - startedMs
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      place.isHealthy = false
    }
  }

  #nearest(): Place | undefined {
    return this.#places.filter(({ isHealthy }) => isHealthy).sort((a, b) => a.latencyMs - b.latencyMs)[0]
  }
}
