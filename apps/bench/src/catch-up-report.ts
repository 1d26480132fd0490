import { parseArgs } from 'node:util'
import { catchUp } from './catch-up.js'
import { machine, numberOption, type Report } from './report.js'
import { table } from './table.js'

const PER_TRANSACTION = [1, 10, 50]

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

export const runCatchUp = async (args: readonly string[]): Promise<Report> => {
  const options = {
    transactions: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  const transactions = numberOption('transactions', values.transactions, 1, 1_000_000)
  const rounds = numberOption('rounds', values.rounds, 1, 100)
  const micros = new Map(PER_TRANSACTION.map((each) => [each, [] as number[]]))
  // In turn, so that what else the machine does falls on all alike.
  for (let round = 0; round < rounds; round++)
    for (const each of PER_TRANSACTION) micros.get(each)!.push(await catchUp(transactions, each))
  const loads = PER_TRANSACTION.map((perTransaction) => {
    const all = micros.get(perTransaction)!
    return { perTransaction, microsPerRecord: median(all), all }
  })
  const rows = loads.map(({ perTransaction, microsPerRecord, all }) => [
    perTransaction,
    microsPerRecord.toFixed(1),
    Math.min(...all).toFixed(1),
    Math.max(...all).toFixed(1),
  ])
  const text = table(['records a transaction', 'processor us a record', 'least', 'most'], rows)
  return { json: { benchmark: 'catch-up', machine: machine(), transactions, rounds, loads }, text }
}
