import { setTimeout as pause } from 'node:timers/promises'
import type { SeededRandom } from '@meridian/core/seeded-random'
import type { Cluster } from './cluster.js'

/** One or two of: a region is killed and started again, a region stands still, links are cut. At the end all is well again. */
export const hurt = async (cluster: Cluster, random: SeededRandom, forMs: number): Promise<void> => {
  const faults = 1 + random.int(2)
  for (let fault = 0; fault < faults; fault++) {
    await pause(random.int(forMs / faults / 4))
    const lastsMs = forMs / faults / 4 + random.int(forMs / faults / 2)
    const region = random.pick(cluster.regions)
    const other = random.pick(cluster.regions.filter((each) => each !== region))
    const roll = random.int(cluster.links === undefined ? 2 : 5)
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
      else cluster.links!.setOneWay(region.name, other.name, { mode: 'swallow' })
      await pause(lastsMs)
      cluster.links!.heal()
    }
  }
}
