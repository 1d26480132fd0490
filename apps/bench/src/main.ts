import { findBenchmark, usage } from './bench.js'

/* JSON on standard output, a table on standard error. Exit 1: it failed; 2: no such benchmark. Goals that are missed are shown, not fatal. */

const [name, ...args] = process.argv.slice(2)
const benchmark = findBenchmark(name)
if (benchmark === undefined) {
  process.stderr.write(`${usage()}\n`)
  process.exitCode = 2
} else {
  try {
    const { json, text } = await benchmark.run(args)
    process.stdout.write(`${JSON.stringify(json, null, 2)}\n`)
    process.stderr.write(`${text}\n`)
  } catch (error) {
    process.stderr.write(`bench ${name}: ${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  }
}
