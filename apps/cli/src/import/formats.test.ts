import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fvecsRows } from './fvecs.js'
import { lines } from './lines.js'
import { ndjsonRows } from './ndjson.js'
import { npyPlace, npyRows, parseNpyHeader } from './npy.js'
import { between, openRows, withPayloads } from './row-source.js'
import { all, fvecsFile, inChunks, npyFile, textBytes, vectorsOf } from './testing.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'meridian-formats-'))
})
afterAll(() => rm(dir, { recursive: true }))
const file = async (name: string, bytes: Uint8Array | string): Promise<string> => {
  await writeFile(join(dir, name), bytes)
  return join(dir, name)
}

test('[CI1] lines do not depend on how the bytes were cut, and every end is the next start', async () => {
  const text = fc.array(fc.string({ unit: 'grapheme' }).map((line) => line.replaceAll(/[\r\n]/g, '')))
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), async (list, size) => {
      const bytes = textBytes(list.map((line) => `${line}\r\n`).join(''))
      const found = await all(lines(inChunks(bytes, size)))
      expect(found.map((line) => line.text)).toEqual(list)
      for (const [i, line] of found.entries())
        expect((await all(lines(inChunks(bytes.subarray(line.end), size)))).map((rest) => rest.text)).toEqual(
          list.slice(i + 1),
        )
    }),
    { numRuns: 60 },
  )
})

test('[CI1] a line that is too long or not UTF-8 is reported and the next one is read', async () => {
  const bytes = Buffer.concat([Buffer.from('aaaaaaaaaaaa\nb\n'), Buffer.from([0xff, 10]), Buffer.from('c')])
  const found = await all(lines(inChunks(bytes, 3), 5))
  expect(found.map((line) => line.text ?? line.reason)).toEqual([
    'line is longer than 5 bytes',
    'b',
    'line is not valid UTF-8',
    'c',
  ])
})

test('[CI2] NDJSON: one vector or named ones, wide ids, blank lines keep their number', async () => {
  const text = [
    '{"id":1,"vector":[1,2],"payload":{"a":1}}',
    '',
    '{"id":18446744073709551615,"vectors":{"text":[1]}}',
    '{"id":"x","vector":{"text":[1]},"payload":null}',
  ].join('\n')
  expect(await all(ndjsonRows(inChunks(textBytes(text), 7)))).toMatchObject([
    { row: 0, kind: 'point', id: 1, vector: [1, 2], payload: { a: 1 } },
    { row: 1, kind: 'blank' },
    { row: 2, kind: 'point', id: 2n ** 64n - 1n, vector: { text: [1] } },
    { row: 3, kind: 'point', id: 'x', vector: { text: [1] }, payload: undefined },
  ])
})

test.each([
  ['{"id":1,"vector":[1,2]', 'not JSON'],
  ['[1]', 'not a JSON object'],
  ['{"vector":[1]}', '"id"'],
  ['{"id":-1,"vector":[1]}', '"id"'],
  ['{"id":1.5,"vector":[1]}', '"id"'],
  ['{"id":18446744073709551616,"vector":[1]}', '"id"'],
  ['{"id":1}', '"vector"'],
  ['{"id":1,"vector":[]}', 'empty'],
  ['{"id":1,"vector":{}}', 'names no vector'],
  ['{"id":1,"vector":[1,null]}', 'position 1'],
  ['{"id":1,"vector":[1e39]}', 'position 0'],
  ['{"id":1,"vector":{"a":3}}', 'vector "a"'],
  ['{"id":1,"vector":[1],"payload":[1]}', '"payload"'],
])('[CI3] NDJSON: %s is a bad row, and reading goes on', async (line, reason) => {
  const rows = await all(ndjsonRows(inChunks(textBytes(`${line}\n{"id":1,"vector":[1]}\n`))))
  expect(rows).toMatchObject([
    { row: 0, kind: 'bad', reason: expect.stringContaining(reason) },
    { row: 1, kind: 'point' },
  ])
})

test('[CI4] .fvecs: rows come out as they went in, however the bytes were cut', async () => {
  const bytes = fvecsFile([
    [1, -2.5],
    [3, 4],
    [5, Number.NaN],
  ])
  for (const size of [1, 5, 12, 100])
    expect(vectorsOf(await all(fvecsRows(inChunks(bytes, size), 2)))).toEqual([[1, -2.5], [3, 4], 'bad'])
})

test('[CI5] .fvecs: a truncated file, another dimension and a foreign file are refused with the row', async () => {
  const bytes = fvecsFile([
    [1, 2],
    [3, 4],
  ])
  for (let cut = 13; cut < 24; cut++)
    await expect(all(fvecsRows(inChunks(bytes.subarray(0, cut)), 2))).rejects.toThrow(
      `inside row 1: ${cut - 12} of 12 bytes`,
    )
  await expect(
    all(fvecsRows(inChunks(Buffer.concat([fvecsFile([[1, 2]]), fvecsFile([[1, 2, 3]])])), 2)),
  ).rejects.toThrow('row 1 has dimension 3')
  await expect(openRows(await file('text.fvecs', '{"id":1}'))).rejects.toThrow('does not look like .fvecs')
  await expect(openRows(await file('empty.fvecs', ''))).rejects.toThrow('empty')
})

const f64 = (...values: number[]): Uint8Array => new Uint8Array(Float64Array.from(values).buffer)
const f32 = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer)

test.each([
  ['<f4', 1, f32(1, -2.5, 3, 4)],
  ['<f8', 2, f64(1, -2.5, 3, 4)],
  ['|u1', 3, Uint8Array.of(1, 255, 3, 4)],
  ['<f2', 1, new Uint8Array(Uint16Array.of(0x3c00, 0xc100, 0x4200, 0x0001).buffer)],
])('[CI4] .npy of %s, format version %i', async (descr, major, data) => {
  const bytes = npyFile(descr, '2, 2', data, major)
  const header = parseNpyHeader(bytes)
  const rows = vectorsOf(await all(npyRows(inChunks(bytes.subarray(header.dataByte), 3), header)))
  expect(rows).toEqual([
    [1, descr === '|u1' ? 255 : -2.5],
    [3, descr === '<f2' ? 2 ** -24 : 4],
  ])
  const place = npyPlace(header, 1)
  expect(vectorsOf(await all(npyRows(inChunks(bytes.subarray(place.byte)), header, place)))).toEqual(rows.slice(1))
})

test.each([
  [npyFile('>f4', '1, 2', f32(1, 2)), 'element type >f4'],
  [npyFile('<f4', '1, 2', f32(1, 2), 1, 'True'), 'Fortran'],
  [npyFile('<f4', '2,', f32(1, 2)), 'shape (2,)'],
  [npyFile('<f4', '1, 1, 2', f32(1, 2)), 'shape (1, 1, 2)'],
  [npyFile('<f4', '1, 70000', f32()), 'out of range'],
  [npyFile('<f4', '1, 2', f32(1, 2), 9), 'version 9'],
  [npyFile('<f4', '1, 2', f32()).subarray(0, 40), 'inside its .npy header'],
  [textBytes('hello, world'), 'does not begin'],
  [new Uint8Array(0), 'does not begin'],
])('[CI5] .npy: an unsupported or damaged header is refused (%#)', (bytes, message) => {
  expect(() => parseNpyHeader(bytes)).toThrow(message)
})

test('[CI5] .npy: a truncated file is refused with the row', async () => {
  const bytes = npyFile('<f4', '3, 2', f32(1, 2, 3, 4, 5))
  const source = await openRows(await file('short.npy', bytes))
  await expect(all(source.read({ row: 0, byte: 0 }))).rejects.toThrow('inside row 2 of 3: 4 of 8 bytes')
})

test('[CI6] reading from a remembered place gives the same rows as reading from the start', async () => {
  const vectors = Array.from({ length: 9 }, (_, i) => [i, i + 0.5])
  const paths = [
    await file('a.fvecs', fvecsFile(vectors)),
    await file('a.npy', npyFile('<f4', '9, 2', f32(...vectors.flat()))),
    await file('a.ndjson', vectors.map((vector, id) => `${JSON.stringify({ id, vector })}\n`).join('')),
  ]
  for (const path of paths) {
    const source = await openRows(path)
    const rows = await all(source.read(source.placeOf(0) ?? { row: 0, byte: 0 }))
    expect(vectorsOf(rows)).toEqual(vectors)
    const resumed = await all(source.read({ row: 4, byte: rows[3]!.endByte }))
    expect(resumed).toEqual(rows.slice(4))
    expect(await all(between(source.read({ row: 0, byte: 0 }), 2, 5))).toEqual(rows.slice(2, 5))
  }
})

test('[CI7] payloads go with their rows from any start; a missing or bad line makes its row bad', async () => {
  const source = await openRows(await file('p.fvecs', fvecsFile([[1], [2], [3], [4]])))
  const payloads = await file('p.ndjson', '{"n":0}\nnull\n[1]\n')
  const rows = await all(withPayloads(source.read(source.placeOf(1)!), payloads, 1))
  expect(rows).toMatchObject([
    { row: 1, kind: 'point', payload: {} },
    { row: 2, kind: 'bad', reason: expect.stringContaining('line 3') },
    { row: 3, kind: 'bad', reason: expect.stringContaining('no line') },
  ])
})
