import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const ROOT = resolve(fileURLToPath(new URL('.', import.meta.url)), '../..')

/** What each package's sources may import of the others. DESIGN: things are composed in apps/server and sim, nowhere else. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  shard: ['core'],
  catalog: ['core'],
  storage: ['core'],
  index: ['core'],
  transport: ['core'],
  replica: ['core', 'shard', 'catalog'],
  sim: ['core', 'shard', 'catalog', 'replica', 'index'],
  client: ['core'],
  langchain: ['client'],
  server: ['core', 'shard', 'catalog', 'replica', 'index', 'storage', 'transport'],
  cli: ['core', 'client', 'server'],
  bench: ['core', 'shard', 'catalog', 'replica', 'index', 'storage', 'transport', 'client', 'server'],
}

/** The engine decides; it never reads the world. Adapters and surfaces may. */
const PURE = ['core', 'shard', 'catalog', 'replica']
const WORLD =
  /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|process\.(env|hrtime|nextTick)|performance\.now|random(Bytes|UUID|Fill|FillSync|Int))\b/
/** Used by the pure packages for functions of their arguments only: CRC-32 and SHA-256. */
const PURE_BUILTINS = ['node:zlib', 'node:crypto']

/** Only dice, and assertions. */
const ORACLE_MAY_IMPORT = ['@meridian/core/testing', 'vitest']

/** The one module that may touch the native index. */
const NATIVE_INDEX_HOME = 'packages/index/src/graph.ts'

const TOP_LEVEL = ['packages', 'apps', 'test', 'docs', 'patches', 'node_modules', 'data']

const packages = ['packages', 'apps'].flatMap((folder) =>
  readdirSync(join(ROOT, folder)).map((name) => ({ name, path: join(ROOT, folder, name) })),
)

const filesUnder = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder).flatMap((entry) => {
        const path = join(folder, entry)
        return statSync(path).isDirectory() ? filesUnder(path) : path.endsWith('.ts') ? [path] : []
      })
    : []

const isTest = (path: string): boolean => /\.test\.ts$|\/test(ing)?(-[a-z]+)*\/|\/test-[a-z-]+\.ts$/.test(path)
const sourcesOf = (path: string): string[] => filesUnder(join(path, 'src')).filter((file) => !isTest(file))

const importsOf = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!)

/** Breaches of the layering in one file, as sentences. */
const breaches = (owner: string, file: string, imports: readonly string[], text: string): string[] => {
  const where = relative(ROOT, file)
  const found: string[] = []
  for (const target of imports) {
    const ours = /^@meridian\/([a-z]+)/.exec(target)?.[1]
    if (ours !== undefined && ours !== owner && !MAY_IMPORT[owner]?.includes(ours))
      found.push(`${where} imports ${target}`)
    if (target.startsWith('.') && relative(join(ROOT), resolve(file, '..', target)).split('/')[1] !== owner)
      found.push(`${where} reaches into another package: ${target}`)
    if (target === 'hnswlib-node' && where !== NATIVE_INDEX_HOME)
      found.push(`${where} imports hnswlib-node past its wrapper`)
    if (PURE.includes(owner) && target.startsWith('node:') && !PURE_BUILTINS.includes(target))
      found.push(`${where} imports ${target}`)
  }
  if (PURE.includes(owner) && WORLD.test(withoutComments(text)))
    found.push(`${where} reads the world: ${WORLD.exec(text)?.[0]}`)
  return found
}

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')

describe('architecture', () => {
  test('[AR1] every package is known here and imports only what it may', () => {
    const found: string[] = []
    for (const { name, path } of packages) {
      expect(MAY_IMPORT, `add ${name} to the table of packages`).toHaveProperty(name)
      for (const file of sourcesOf(path))
        found.push(...breaches(name, file, importsOf(file), readFileSync(file, 'utf8')))
    }
    expect(found).toEqual([])
  })

  test('[AR2] declared dependencies are the imported ones', () => {
    for (const { name, path } of packages) {
      const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as {
        dependencies?: Record<string, string>
      }
      const declared = Object.keys(manifest.dependencies ?? {}).flatMap(
        (each) => /^@meridian\/(.+)$/.exec(each)?.[1] ?? [],
      )
      for (const each of declared) expect(MAY_IMPORT[name], `${name} declares ${each}`).toContain(each)
    }
  })

  test('[AR3] the checks bite: breaches of each kind are found', () => {
    const file = join(ROOT, 'packages/core/src/ids.ts')
    expect(breaches('core', file, ['@meridian/shard'], '')).toHaveLength(1)
    expect(breaches('core', file, ['node:fs'], '')).toHaveLength(1)
    expect(breaches('core', file, ['hnswlib-node'], '')).toHaveLength(1)
    expect(breaches('core', file, ['../../shard/src/lane.js'], '')).toHaveLength(1)
    expect(breaches('core', file, [], 'const now = Date.now()')).toHaveLength(1)
    expect(breaches('core', file, ['./hlc.js'], '// Date.now() is not read here')).toEqual([])
  })

  test('[AR4] nothing but packages, apps, test, docs, patches and tool configuration stands at the top level', () => {
    const folders = readdirSync(ROOT).filter(
      (entry) => !entry.startsWith('.') && statSync(join(ROOT, entry)).isDirectory(),
    )
    for (const folder of folders) expect(TOP_LEVEL).toContain(folder)
  })

  test('[AR5] the oracle that answers are compared with shares no code with the server', () => {
    const files = filesUnder(join(ROOT, 'test/http/oracle'))
    expect(files.length).toBeGreaterThan(5)
    for (const file of files)
      for (const target of importsOf(file))
        expect(ORACLE_MAY_IMPORT.includes(target) || /^\.\/[a-z-]+\.js$/.test(target), `${file}: ${target}`).toBe(true)
  })

  test('[AR6] no two rules of a file have one id', () => {
    for (const file of readdirSync(join(ROOT, 'docs/spec'))) {
      const text = readFileSync(join(ROOT, 'docs/spec', file), 'utf8')
      const ids = [...text.matchAll(/^- \*\*([A-Z]+\d+)\*\*/gm)].map(([, id]) => id!)
      expect(
        ids.filter((id, i) => ids.indexOf(id) !== i),
        file,
      ).toEqual([])
    }
  })
})
