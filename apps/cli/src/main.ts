#!/usr/bin/env node
import { run } from './program.js'

const code = await run(process.argv.slice(2), (line) => process.stderr.write(`${line}\n`))
process.exit(code)
