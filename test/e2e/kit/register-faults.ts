import { setTimeout as pause } from 'node:timers/promises'
import type { SeededRandom } from '@meridian/core/seeded-random'
import type { Cluster } from './cluster.js'

/** What one region sends is on its way for so long: it knows of its writes well before the others do. */
const UPLINK_MS = 150

/** All links work again; one region's way out is slow as ever. */
export const healLinks = ({ links, regions }: Cluster): void => {
  links!.heal()
  const [slow, ...others] = regions
  for (const { name } of others) links!.setOneWay(slow!.name, name, { latencyMs: UPLINK_MS })
}

/**
 * One or two of: a region is killed and started again, a region stands still, it is cut off, it is heard no more and hears, two
 * regions are cut off from each other both ways or one way. At the end all is well again. The cluster has links that can be hurt.
 */
export const hurt = async (cluster: Cluster, random: SeededRandom, forMs: number): Promise<void> => {
  const faults = 1 + random.int(2)
  for (let fault = 0; fault < faults; fault++) {
    await pause(random.int(forMs / faults / 4))
    const lastsMs = forMs / faults / 4 + random.int(forMs / faults / 2)
    const region = random.pick(cluster.regions)
    const other = random.pick(cluster.regions.filter((each) => each !== region))
    const roll = random.int(6)
    if (roll === 0) {
      await region.kill()
      await pause(lastsMs / 2)
      await region.start()
    } else if (roll === 1) {
      region.pause()
      await pause(lastsMs)
      region.resume()
    } else {
      if (roll === 2) cluster.links!.isolate(region.name)
      else if (roll === 3) cluster.links!.cut(region.name, other.name)
      else if (roll === 4) cluster.links!.setOneWay(region.name, other.name, { mode: 'swallow' })
      else
        for (const { name } of cluster.regions)
          if (name !== region.name) cluster.links!.setOneWay(region.name, name, { mode: 'swallow' })
      await pause(lastsMs)
      healLinks(cluster)
    }
  }
}
