import { describe, expect, it } from 'vitest'
import type { Storage, StorageOp } from './ports.js'
import {
  STORAGE_RULES,
  type StorageConformanceOptions,
  type StorageFixture,
  StorageTwin,
  storageConformance,
} from './testing/index.js'

/** The twin behind the port: shows that the rules can be met by something this plain. */
const overTwin = (twin: StorageTwin): Storage => {
  let underWay: Promise<void> = Promise.resolve()
  return {
    get: (key) => twin.scan(key, { limit: 1 }).find(([found]) => found === key)?.[1],
    scan: (prefix, options) => twin.scan(prefix, options),
    keys: (prefix, options) => twin.scan(prefix, options).map(([key]) => key),
    commit: (ops, done) => {
      underWay = underWay.then(() => {
        twin.apply(ops)
        done()
      })
    },
    close: () => underWay,
  }
}

type Break = (storage: Storage, twin: StorageTwin) => Partial<Storage>

const openWith =
  (breaking: Break, isForgetful = false) =>
  async (): Promise<StorageFixture> => {
    const twin = new StorageTwin()
    const storageOver = (held: StorageTwin): Storage => {
      const storage = overTwin(held)
      return { ...storage, ...breaking(storage, held) }
    }
    const storage = storageOver(twin)
    const reopen = async (): Promise<Storage> => {
      await storage.close()
      return storageOver(isForgetful ? new StorageTwin() : twin)
    }
    return { storage, reopen }
  }

const sound = openWith(() => ({}))
storageConformance('plain map', sound)

const later = (run: () => void): void => void setImmediate(run)
const withOps =
  (change: (ops: readonly StorageOp[]) => StorageOp[]): Break =>
  ({ commit }) => ({ commit: (ops, done) => commit(change(ops), done) })
const withKeys =
  (change: (keys: string[], query: NonNullable<Parameters<Storage['keys']>[1]>) => string[]): Break =>
  ({ keys }) => ({ keys: (prefix, query = {}) => change([...keys(prefix, query)], query) })

const SABOTAGES: readonly (readonly [rule: string, what: string, breaking: Break])[] = [
  ['ST1', 'answers something for an absent key', ({ get }) => ({ get: (key) => get(key) ?? new Uint8Array(0) })],
  ['ST2', 'cuts large values', ({ get }) => ({ get: (key) => get(key)?.slice(0, 4096) })],
  ['ST2', 'loses empty values', withOps((ops) => ops.filter((op) => op.type !== 'put' || op.value.length > 0))],
  ['ST3', 'sorts as people do', withKeys((keys) => keys.sort((a, b) => a.localeCompare(b)))],
  ['ST4', 'takes from as exclusive', withKeys((keys, { from }) => keys.filter((key) => key !== from))],
  [
    'ST4',
    'takes limit 0 as none',
    ({ keys, scan }) => ({
      keys: (prefix, { limit, ...query } = {}) => keys(prefix, limit ? { ...query, limit } : query),
      scan,
    }),
  ],
  ['ST5', 'deletes before it puts', withOps((ops) => [...ops].sort((a, b) => (a.type < b.type ? -1 : 1)))],
  [
    'ST6',
    'deletes too short a prefix',
    withOps((ops) => ops.map((op) => (op.type === 'deletePrefix' ? { ...op, prefix: op.prefix.slice(0, -1) } : op))),
  ],
  [
    'ST7',
    'is done at once',
    (_, twin) => ({
      commit: (ops, done) => {
        twin.apply(ops)
        done()
      },
    }),
  ],
  ['ST7', 'is done twice', ({ commit }) => ({ commit: (ops, done) => commit(ops, () => [done(), done()]) })],
  [
    'ST8',
    'shows half a batch',
    ({ commit }) => ({
      commit: (ops, done) => {
        commit(ops.slice(0, ops.length / 2), () => later(() => commit(ops.slice(ops.length / 2), done)))
      },
    }),
  ],
  [
    'ST9',
    'lets every third batch overtake',
    ({ commit }) => {
      let count = 0
      return {
        commit: (ops, done) => {
          if (count++ % 3 === 0) commit(ops, done)
          else later(() => commit(ops, done))
        },
      }
    },
  ],
  [
    'ST11',
    'closes while commits are under way',
    (_, twin) => ({
      commit: (ops, done) =>
        later(() => {
          twin.apply(ops)
          done()
        }),
      close: async () => {},
    }),
  ],
  [
    'ST12',
    'reuses the buffer that it read into',
    ({ get }) => {
      const shared = new Uint8Array(2 ** 21)
      return {
        get: (key) => {
          const value = get(key)
          if (value) shared.set(value)
          return value && shared.subarray(0, value.length)
        },
      }
    },
  ],
  [
    'ST13',
    'has one cursor for all scans',
    ({ scan }) => {
      let cursor = 0
      return {
        *scan(prefix, query) {
          const found = [...scan(prefix, query)]
          for (cursor = 0; cursor < found.length; cursor++) yield found[cursor]!
        },
        *keys(prefix, query) {
          const found = [...scan(prefix, query)]
          for (cursor = 0; cursor < found.length; cursor++) yield found[cursor]![0]
        },
      }
    },
  ],
  [
    'ST14',
    'forgets the direction once in a while',
    ({ scan }) => ({
      scan: (prefix, query) => (query?.limit === 3 ? [...scan(prefix, query)].reverse() : scan(prefix, query)),
    }),
  ],
]

const idOf = (title: string): string => /\[(ST\d+)\]/.exec(title)![1]!

/** The ids of those rules that a storage breaks. */
const broken = async (
  open: () => Promise<StorageFixture>,
  rules: readonly string[],
  options: StorageConformanceOptions = {},
): Promise<string[]> => {
  const ids: string[] = []
  for (const { title, run } of STORAGE_RULES) {
    if (!rules.includes(idOf(title))) continue
    const failed = await run(await open(), options).then(
      () => false,
      () => true,
    )
    if (failed) ids.push(idOf(title))
  }
  return ids
}

describe('the conformance suite notices a storage that', () => {
  for (const [rule, what, breaking] of SABOTAGES)
    it(`[${rule}] sabotage: ${what}`, async () => {
      expect(await broken(openWith(breaking), [rule])).toEqual([rule])
    })

  it('[ST10] sabotage: forgets on reopening', async () => {
    expect(
      await broken(
        openWith(() => ({}), true),
        ['ST10', 'ST11', 'ST14'],
      ),
    ).toEqual(['ST10', 'ST11', 'ST14'])
  })

  it('[ST15] [ST16] sabotage: hands out damaged values, or writes to a broken medium', async () => {
    const corrupt = async ({ storage }: StorageFixture, key: string): Promise<Storage> => {
      await new Promise<void>((done) => storage.commit([{ type: 'put', key, value: Uint8Array.of(0) }], () => done()))
      return storage
    }
    expect(await broken(sound, ['ST15', 'ST16'], { corrupt, breakMedium: () => {} })).toEqual(['ST15', 'ST16'])
  })
})
