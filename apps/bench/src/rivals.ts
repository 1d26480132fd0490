import { execFile } from 'node:child_process'
import { cp, rename } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const PATCH = join(ROOT, 'patches/hnswlib-node@3.0.0.patch')

export interface Rivals {
  /** A program of the published hnswlib, compiled for this very processor. */
  readonly native: string
  /** The published `hnswlib-node`, compiled as its own build does. */
  readonly stock: string
}

/**
 * Takes our patch back from a copy of the installed package, and compiles what is left. The package manager would patch a second
 * copy of the same version too, and compile it for everybody who never runs a benchmark.
 * @throws Error if `git`, `g++` or Node's headers are missing, with what they said
 */
export const buildRivals = async (directory: string): Promise<Rivals> => {
  const from = dirname(createRequire(join(ROOT, 'packages/index/package.json')).resolve('hnswlib-node/package.json'))
  const published = join(directory, 'hnswlib-node')
  await cp(from, published, { recursive: true, filter: (path) => path !== join(from, 'build') })
  await run('git', ['apply', '--reverse', PATCH], { cwd: published })
  const sources = join(published, 'src')
  const native = join(directory, 'hnsw')
  const program = fileURLToPath(new URL('../native/hnsw.cc', import.meta.url))
  await run('g++', ['-O3', '-march=native', '-std=gnu++17', '-pthread', `-I${sources}`, program, '-o', native])
  const stock = join(directory, 'stock.node')
  const { include_dir: napi } = createRequire(join(from, 'package.json'))('node-addon-api') as { include_dir: string }
  const headers = join(process.env.npm_config_nodedir ?? join(dirname(process.execPath), '..'), 'include/node')
  const flags = ['-O3', '-m64', '-std=gnu++17', '-fPIC', '-pthread', '-fno-omit-frame-pointer', '-fno-rtti', '-shared']
  const defines = ['-DNAPI_DISABLE_CPP_EXCEPTIONS', '-DNODE_GYP_MODULE_NAME=addon', '-DBUILDING_NODE_EXTENSION']
  const args = [...flags, ...defines, `-I${headers}`, `-I${napi}`, join(sources, 'addon.cc'), '-o', `${stock}.tmp`]
  await run('g++', args)
  await rename(`${stock}.tmp`, stock)
  return { native, stock }
}
