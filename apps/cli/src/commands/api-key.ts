import { Option } from 'commander'

/** The same on every command that speaks to a region. */
export const apiKeyOption = (): Option =>
  new Option('--api-key <key>', 'key the regions ask for').env('MERIDIAN_API_KEY')
