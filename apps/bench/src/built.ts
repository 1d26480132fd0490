import { fileURLToPath } from 'node:url'

/** Path of a program of this package as it was built: Node runs no TypeScript, and tests run on sources. */
export const built = (name: string): string =>
  fileURLToPath(new URL(`${import.meta.url.endsWith('.ts') ? '../dist' : '.'}/${name}.js`, import.meta.url))
