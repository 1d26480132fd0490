import { expect, test } from 'vitest'
import { boxTest, type GeoLineString, type GeoPoint, geoPointOf, polygonTest, radiusTest } from './geo.js'

const at = (lon: number, lat: number): GeoPoint => ({ lon, lat })
const line = (...points: [lon: number, lat: number][]): GeoLineString => ({ points: points.map(([x, y]) => at(x, y)) })

test('[FI16] a box holds what lies inside, not on its edge', () => {
  const isIn = boxTest({ top_left: at(10, 5), bottom_right: at(20, -5) })
  expect([at(15, 0), at(10.001, 4.999), at(19.9, -4.9)].map(isIn)).toEqual([true, true, true])
  expect([at(10, 0), at(20, 0), at(15, 5), at(15, -5), at(25, 0), at(15, 9), at(-15, 0)].some(isIn)).toBe(false)
})

test('[FI16] a box whose left is east of its right crosses the antimeridian', () => {
  const isIn = boxTest({ top_left: at(170, 10), bottom_right: at(-170, -10) })
  expect([at(175, 0), at(180, 0), at(-180, 0), at(-175, 9)].every(isIn)).toBe(true)
  expect([at(0, 0), at(170, 0), at(-170, 0), at(160, 0), at(175, 10), at(175, -11)].some(isIn)).toBe(false)
})

test('[FI17] a radius is in metres along the sphere, and exclusive', () => {
  const berlin = at(13.404954, 52.520008)
  const paris = at(2.352222, 48.856613)
  expect(radiusTest({ center: berlin, radius: 877_000 })(paris)).toBe(false)
  expect(radiusTest({ center: berlin, radius: 878_000 })(paris)).toBe(true)
  const degreeM = (Math.PI / 180) * 6_371_008.8
  for (const [center, point] of [
    [at(0, 0), at(1, 0)],
    [at(0, 89), at(123, 90)],
    [at(179.5, 0), at(-179.5, 0)],
  ] as const) {
    expect(radiusTest({ center, radius: degreeM + 1 })(point)).toBe(true)
    expect(radiusTest({ center, radius: degreeM - 1 })(point)).toBe(false)
  }
  expect([0, -1].map((radius) => radiusTest({ center: berlin, radius })(berlin))).toEqual([false, false])
  expect(radiusTest({ center: at(90, 0.1), radius: 2.1e7 })(at(-90, -0.1))).toBe(true)
})

test('[FI18] a polygon holds what lies inside, not on its lines, whichever way they run', () => {
  const exterior = line([0, 0], [8, 0], [8, 8], [4, 2], [0, 8], [0, 0])
  for (const isIn of [polygonTest({ exterior }), polygonTest({ exterior: { points: exterior.points.toReversed() } })]) {
    expect([at(1, 1), at(1, 4), at(7, 4), at(4, 1)].map(isIn)).toEqual([true, true, true, true])
    expect([at(4, 3), at(4, 8), at(-1, 4), at(9, 4), at(4, -1)].some(isIn)).toBe(false)
    expect([at(0, 0), at(4, 0), at(0, 4), at(4, 2), at(6, 5), at(8, 8)].some(isIn)).toBe(false)
  }
})

test('[FI18] holes are outside, and so are their lines', () => {
  const isIn = polygonTest({
    exterior: line([0, 0], [9, 0], [9, 9], [0, 9], [0, 0]),
    interiors: [line([1, 1], [3, 1], [3, 3], [1, 3], [1, 1]), line([5, 5], [7, 5], [7, 7], [5, 7], [5, 5])],
  })
  expect([at(4, 4), at(0.5, 2), at(8, 6)].map(isIn)).toEqual([true, true, true])
  expect([at(2, 2), at(6, 6), at(1, 2), at(5, 5), at(7, 6), at(10, 10)].some(isIn)).toBe(false)
})

test('[FI18] what a line goes round twice is inside', () => {
  const twice = polygonTest({
    exterior: line([0, 0], [9, 0], [9, 9], [3, 9], [3, 3], [6, 3], [6, 12], [0, 12], [0, 0]),
  })
  expect([at(4, 6), at(1, 1), at(12, 6)].map(twice)).toEqual([true, true, false])
})

test('[FI16] a place is an object with two numbers, and may hold more', () => {
  expect(geoPointOf({ lon: 1, lat: 2, name: 'x' })).toMatchObject({ lon: 1, lat: 2 })
  for (const value of [{ lon: 1 }, { lon: '1', lat: 2 }, { lon: 1, lat: null }, [1, 2], null, 'x', 3])
    expect(geoPointOf(value)).toBeUndefined()
})
