import type { GeoPoint } from '@meridian/index'

/** Mean radius of the earth in metres that Qdrant's distances are on. */
const EARTH_RADIUS_M = 6_371_008.8
const RADIANS = Math.PI / 180

/** Great-circle distance in metres, by the haversine formula. */
export const geoDistance = (a: GeoPoint, b: GeoPoint): number => {
  const lat = Math.sin(((b.lat - a.lat) * RADIANS) / 2) ** 2
  const lon = Math.sin(((b.lon - a.lon) * RADIANS) / 2) ** 2
  // Rounding can put antipodes a hair above 1, where the arc sine ends.
  const haversine = Math.min(1, lat + Math.cos(a.lat * RADIANS) * Math.cos(b.lat * RADIANS) * lon)
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(haversine))
}
