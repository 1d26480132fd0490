import type { JsonValue } from '@meridian/core'

/** Degrees: `lon` from -180 to 180, `lat` from -90 to 90. */
export interface GeoPoint {
  readonly lon: number
  readonly lat: number
}

/** Inside it, not on its edge. `top_left.lon` above `bottom_right.lon` means a box across the antimeridian. */
export interface GeoBoundingBox {
  readonly top_left: GeoPoint
  readonly bottom_right: GeoPoint
}

/** Nearer to `center` than `radius` metres. */
export interface GeoRadius {
  readonly center: GeoPoint
  readonly radius: number
}

/** Points in order, the last one equal to the first; at least four of them. */
export interface GeoLineString {
  readonly points: readonly GeoPoint[]
}

/**
 * Inside `exterior` and outside all `interiors`, on no line of theirs. Edges are straight in the plane of longitude and
 * latitude, as in Qdrant: no great circles, and no way across the antimeridian.
 */
export interface GeoPolygon {
  readonly exterior: GeoLineString
  readonly interiors?: readonly GeoLineString[] | null | undefined
}

export type GeoTest = (point: GeoPoint) => boolean

/** Mean radius of the earth in metres that Qdrant's distances are on. */
const EARTH_RADIUS_M = 6_371_008.8
const RADIANS = Math.PI / 180

/** A stored value that names a place: an object with numbers `lon` and `lat`, whatever else it holds. */
export const geoPointOf = (value: JsonValue): GeoPoint | undefined => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  return typeof value.lon === 'number' && typeof value.lat === 'number' ? (value as unknown as GeoPoint) : undefined
}

export const boxTest = ({ top_left, bottom_right }: GeoBoundingBox): GeoTest => {
  const isWithin: (lon: number) => boolean =
    top_left.lon > bottom_right.lon
      ? (lon) => lon > top_left.lon || lon < bottom_right.lon
      : (lon) => lon > top_left.lon && lon < bottom_right.lon
  return ({ lon, lat }) => lat > bottom_right.lat && lat < top_left.lat && isWithin(lon)
}

export const radiusTest = ({ center, radius }: GeoRadius): GeoTest => {
  const cosCenter = Math.cos(center.lat * RADIANS)
  return ({ lon, lat }) => {
    const a = Math.sin(((lat - center.lat) * RADIANS) / 2) ** 2
    const b = Math.sin(((lon - center.lon) * RADIANS) / 2) ** 2
    // Rounding can put antipodes a hair above 1, where the arc sine ends.
    const haversine = Math.min(1, a + cosCenter * Math.cos(lat * RADIANS) * b)
    return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(haversine)) < radius
  }
}

export const polygonTest = ({ exterior, interiors }: GeoPolygon): GeoTest => {
  const outer = ringOf(exterior)
  const holes = (interiors ?? []).map(ringOf)
  return (point) => outer(point) === 'inside' && holes.every((hole) => hole(point) === 'outside')
}

type Side = 'inside' | 'outside' | 'edge'

/** By winding number, so that a line that crosses itself encloses what Qdrant says it does. */
const ringOf = ({ points }: GeoLineString): ((point: GeoPoint) => Side) => {
  const lons = Float64Array.from(points, (point) => point.lon)
  const lats = Float64Array.from(points, (point) => point.lat)
  const [west, east] = extremes(lons)
  const [south, north] = extremes(lats)
  return ({ lon, lat }) => {
    if (!(lon >= west && lon <= east && lat >= south && lat <= north)) return 'outside'
    let winding = 0
    for (let i = 1; i < lons.length; i++) {
      const x1 = lons[i - 1]!
      const y1 = lats[i - 1]!
      const x2 = lons[i]!
      const y2 = lats[i]!
      if ((y1 > lat && y2 > lat) || (y1 < lat && y2 < lat)) continue
      const turn = (x2 - x1) * (lat - y1) - (lon - x1) * (y2 - y1)
      if (turn === 0 && lon >= Math.min(x1, x2) && lon <= Math.max(x1, x2)) return 'edge'
      if (y1 <= lat && y2 > lat && turn > 0) winding++
      else if (y1 > lat && y2 <= lat && turn < 0) winding--
    }
    return winding === 0 ? 'outside' : 'inside'
  }
}

const extremes = (values: Float64Array): [least: number, greatest: number] => {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (value < least) least = value
    if (value > greatest) greatest = value
  }
  return [least, greatest]
}
