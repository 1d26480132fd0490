import { type Command, Option } from 'commander'
import { connect } from '../demo/demo-region.js'
import { Story } from '../demo/story.js'
import { CliError, EXIT } from '../exit.js'
import { interruptSignal } from '../interrupt.js'
import { apiKeyOption } from './api-key.js'
import { httpUrls, LOCAL_URLS, wholeNumber } from './options.js'

interface Flags {
  readonly urls?: readonly string[]
  readonly apiKey?: string
  readonly products: number
  readonly seed: number
  readonly keep: boolean
}

export const addDemo = (program: Command): void => {
  program
    .command('demo')
    .description('show, against the running cluster, how regions write, disagree, are cut off and converge')
    .addOption(
      new Option(
        '--urls <urls>',
        `regions to use, at least two; the last is cut off (default ${LOCAL_URLS.join(',')})`,
      ).argParser(httpUrls),
    )
    .addOption(apiKeyOption())
    .option('--products <n>', 'products to make', wholeNumber(100, 500_000), 3000)
    .option('--seed <n>', 'seed of the products', wholeNumber(0), 1)
    .option('--keep', 'keep the collection demo-products', false)
    .action(async (flags: Flags) => {
      const urls = flags.urls ?? LOCAL_URLS
      if (urls.length < 2) throw new CliError('--urls needs at least two regions', EXIT.usage)
      const signal = interruptSignal()
      const regions = await connect(urls, flags.apiKey)
      const { products, seed, keep } = flags
      const print = (text: string): void => void process.stdout.write(`${text}\n`)
      try {
        await new Story({ regions, products, seed, keep, print, signal }).tell()
      } catch (error) {
        if (!signal.aborted) throw error
        throw new CliError('demo stopped; all links are as they were', EXIT.interrupted, { cause: error })
      }
    })
}
