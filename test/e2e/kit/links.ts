import { type DirectionMode, type DirectionSettings, type FaultLink, openFaultLink } from './shared.js'

/** From the region that dials to the one that listens. */
const key = (dialer: string, target: string): string => `${dialer}>${target}`

/**
 * The proxies between regions. Each region dials each peer through a proxy of its own, so a pair has two; which of the two
 * connections lives is the regions' affair. A direction is set on both.
 */
export class Links implements AsyncDisposable {
  readonly #proxies: ReadonlyMap<string, FaultLink>

  private constructor(
    readonly regions: readonly string[],
    proxies: ReadonlyMap<string, FaultLink>,
  ) {
    this.#proxies = proxies
  }

  /** @param ports  where each region listens */
  static async open(ports: Readonly<Record<string, number>>): Promise<Links> {
    const regions = Object.keys(ports)
    const proxies = new Map<string, FaultLink>()
    for (const dialer of regions)
      for (const target of regions)
        if (dialer !== target)
          proxies.set(
            key(dialer, target),
            await openFaultLink({ target: `127.0.0.1:${ports[target]}`, seed: proxies.size + 1 }),
          )
    return new Links(regions, proxies)
  }

  /** The proxy that `dialer` reaches `target` through. */
  proxy(dialer: string, target: string): FaultLink {
    const found = this.#proxies.get(key(dialer, target))
    if (found === undefined) throw new Error(`no link from ${dialer} to ${target}`)
    return found
  }

  /** What travels from `from` to `to`; the other direction is left as it is. */
  setOneWay(from: string, to: string, settings: DirectionSettings): void {
    this.proxy(from, to).set({ up: settings })
    this.proxy(to, from).set({ down: settings })
  }

  setBetween(a: string, b: string, settings: DirectionSettings): void {
    this.setOneWay(a, b, settings)
    this.setOneWay(b, a, settings)
  }

  cut(a: string, b: string, mode: DirectionMode = 'refuse'): void {
    this.setBetween(a, b, { mode })
  }

  /** Cuts one region off from all others. */
  isolate(region: string, mode: DirectionMode = 'refuse'): void {
    for (const other of this.regions) if (other !== region) this.cut(region, other, mode)
  }

  /** Every link passes everything again, at once. */
  heal(): void {
    for (const proxy of this.#proxies.values())
      proxy.set({ mode: 'open', latencyMs: 0, jitterMs: 0, kBps: 0, corrupt: 0 })
  }

  /** Bytes that have passed from `from` to `to`, on sockets: HTTP upgrades and WebSocket framing included. */
  bytes(from: string, to: string): number {
    return this.proxy(from, to).stats.up.bytes + this.proxy(to, from).stats.down.bytes
  }

  get totalBytes(): number {
    return [...this.#proxies.values()].reduce((sum, { stats }) => sum + stats.up.bytes + stats.down.bytes, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()))
  }
}
