export interface Place {
  readonly lat: number
  readonly lon: number
}

const EARTH_M = 6371008.8
const radians = (degrees: number): number => (degrees * Math.PI) / 180

/** By the spherical law of haversines, written with versines. */
export const metres = (a: Place, b: Place): number => {
  const hav = (angle: number): number => (1 - Math.cos(angle)) / 2
  const flat = hav(radians(b.lat - a.lat))
  const h = flat + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * hav(radians(b.lon - a.lon))
  return 2 * EARTH_M * Math.atan2(Math.sqrt(h), Math.sqrt(1 - h))
}

/** By the crossings of a ray to the east. For places that are on no edge. */
export const isInRing = ({ lat, lon }: Place, ring: readonly Place[]): boolean =>
  ring.slice(1).filter((b, i) => {
    const a = ring[i]!
    if (a.lat > lat === b.lat > lat) return false
    return lon < a.lon + ((lat - a.lat) / (b.lat - a.lat)) * (b.lon - a.lon)
  }).length %
    2 ===
  1
