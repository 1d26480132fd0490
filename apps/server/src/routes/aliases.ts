import { type AliasAction, type Collection, promised, type WriteReceipt } from '@meridian/replica'
import { formatError, invalid } from '../http/errors.js'
import type { Json } from '../http/json-parse.js'
import type { Route } from '../http/router.js'
import { collectionOf, type Region } from '../region.js'
import { parseAliasName } from '../schema/collection.js'
import { readTimeout } from '../schema/params.js'
import { readArray, readMap, readText } from '../schema/read.js'

/** All of a request are one change of the catalog, which has a bound. */
const ACTIONS_MAX = 256

export const aliasRoutes = (region: Region): Route[] => [
  {
    method: 'POST',
    path: '/collections/aliases',
    handle: async ({ body, query }) => {
      readTimeout(query)
      const items = readArray(readMap(body, 'body').actions, 'actions')
      if (items.length > ACTIONS_MAX)
        throw invalid('actions', `${items.length} actions, send at most ${ACTIONS_MAX} in one request`)
      const actions = items.map((item, i) => readAction(item, `actions[${i}]`))
      await promised<WriteReceipt>((done) => region.replica.changeAliases(actions, done))
      return true
    },
  },
  {
    method: 'GET',
    path: '/aliases',
    handle: () => ({ aliases: region.replica.collections().flatMap(aliasesOf).sort(byName) }),
  },
  {
    method: 'GET',
    path: '/collections/:collection/aliases',
    handle: ({ params }) => ({ aliases: aliasesOf(collectionOf(region, params.collection!)) }),
  },
]

interface Alias {
  readonly alias_name: string
  readonly collection_name: string
}

const aliasesOf = ({ name, aliases }: Collection): Alias[] =>
  aliases.map((alias) => ({ alias_name: alias, collection_name: name }))

const byName = (a: Alias, b: Alias): number => (a.alias_name < b.alias_name ? -1 : 1)

const KINDS = ['create_alias', 'delete_alias', 'rename_alias']

const readAction = (value: Json | undefined, path: string): AliasAction => {
  const map = readMap(value, path)
  const [kind, ...others] = Object.keys(map)
  if (kind === undefined || others.length > 0 || !KINDS.includes(kind))
    throw formatError(`${path}: send exactly one of ${KINDS.join(', ')}`)
  const fields = readMap(map[kind], `${path}.${kind}`)
  const text = (name: string): string => {
    if (fields[name] === undefined) throw formatError(`${path}.${kind}: missing field \`${name}\`; send a name`)
    return readText(fields[name], `${path}.${kind}.${name}`)
  }
  switch (kind) {
    case 'create_alias':
      return { type: 'create', alias: parseAliasName(text('alias_name')), collection: text('collection_name') }
    case 'delete_alias':
      return { type: 'delete', alias: text('alias_name') }
    default:
      return { type: 'rename', from: text('old_alias_name'), to: parseAliasName(text('new_alias_name')) }
  }
}
