import type { GeoBoundingBox, GeoLineString, GeoPoint, GeoPolygon, GeoRadius } from '@meridian/index'
import { invalid } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { optional, readArray, readMap, readNumber, refuseUnknown } from './read.js'

/** Points of one polygon, holes included: each is looked at for every place that is tested. */
const POLYGON_POINTS_MAX = 10_000

const exactly = (value: Json | undefined, path: string, names: readonly string[]): JsonMap => {
  const map = readMap(value, path)
  refuseUnknown(map, path, names)
  return map
}

const readGeoPoint = (value: Json | undefined, path: string): GeoPoint => {
  const map = exactly(value, path, ['lon', 'lat'])
  return { lon: degrees(map.lon, `${path}.lon`, 180), lat: degrees(map.lat, `${path}.lat`, 90) }
}

const degrees = (value: Json | undefined, path: string, max: number): number => {
  const number = readNumber(value, path)
  if (Math.abs(number) > max) throw invalid(path, `value ${number} invalid, must be from -${max} to ${max} degrees`)
  return number
}

export const readBoundingBox = (value: Json, path: string): GeoBoundingBox => {
  const map = exactly(value, path, ['top_left', 'bottom_right'])
  return {
    top_left: readGeoPoint(map.top_left, `${path}.top_left`),
    bottom_right: readGeoPoint(map.bottom_right, `${path}.bottom_right`),
  }
}

export const readRadius = (value: Json, path: string): GeoRadius => {
  const map = exactly(value, path, ['center', 'radius'])
  return { center: readGeoPoint(map.center, `${path}.center`), radius: readNumber(map.radius, `${path}.radius`) }
}

export const readPolygon = (value: Json, path: string): GeoPolygon => {
  const map = exactly(value, path, ['exterior', 'interiors'])
  const exterior = readLine(map.exterior, `${path}.exterior`)
  const interiors = optional(map.interiors, `${path}.interiors`, [], (given, at) =>
    readArray(given, at).map((line, i) => readLine(line, `${at}[${i}]`)),
  )
  const count = interiors.reduce((sum, line) => sum + line.points.length, exterior.points.length)
  if (count > POLYGON_POINTS_MAX) throw invalid(path, `${count} points, send at most ${POLYGON_POINTS_MAX}`)
  return { exterior, interiors }
}

const readLine = (value: Json | undefined, path: string): GeoLineString => {
  const map = exactly(value, path, ['points'])
  const at = `${path}.points`
  const points = readArray(map.points, at).map((point, i) => readGeoPoint(point, `${at}[${i}]`))
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined || points.length < 4)
    throw invalid(at, `polygon invalid, the size must be at least 4, got ${points.length}`)
  if (first.lon !== last.lon || first.lat !== last.lat)
    throw invalid(at, 'polygon invalid, the first and the last points should be the same to form a closed line')
  return { points }
}
