import { join } from 'node:path'
import { NODE_FLAGS } from '@meridian/server'

/** One region of a local cluster. */
export interface RegionPlan {
  readonly region: string
  readonly port: number
  readonly url: string
  readonly dataDir: string
  /** Command line of its process, after the executable. */
  readonly args: readonly string[]
}

export interface PlanOptions {
  readonly regions: readonly string[]
  readonly basePort: number
  /** Distance between the ports of two regions. */
  readonly step: number
  readonly data: string
  /** Script that understands `serve`. */
  readonly script: string
  readonly logLevel?: string | undefined
}

/** A full mesh on the loopback interface: every region knows all others. Keys go through the environment, not the command line. */
export const planCluster = (options: PlanOptions): RegionPlan[] => {
  const port = (index: number): number => options.basePort + index * options.step
  const url = (index: number): string => `http://127.0.0.1:${port(index)}`
  return options.regions.map((region, index) => {
    const dataDir = join(options.data, region)
    const peers = options.regions.flatMap((peer, i) => (i === index ? [] : ['--peer', `${peer}=${url(i)}`]))
    const level = options.logLevel === undefined ? [] : ['--log-level', options.logLevel]
    const args = [
      ...NODE_FLAGS,
      options.script,
      'serve',
      '--region',
      region,
      '--port',
      String(port(index)),
      '--data',
      dataDir,
      ...peers,
      ...level,
    ]
    return { region, port: port(index), url: url(index), dataDir, args }
  })
}
