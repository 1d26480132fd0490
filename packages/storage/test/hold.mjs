// Holds the directory given until it is killed; prints one line when it does, or when it is refused.
import { LmdbStorage } from '../dist/index.js'

try {
  await LmdbStorage.open({ directory: process.argv[2] })
  console.log('held')
  setInterval(() => {}, 60_000)
} catch (error) {
  console.log(`${error.code} ${error.message}`)
}
