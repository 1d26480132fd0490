#!/usr/bin/env -S node --max-semi-space-size=8
import { run } from './program.js'

const code = await run(process.argv.slice(2), (line) => process.stderr.write(`${line}\n`))
process.exit(code)
