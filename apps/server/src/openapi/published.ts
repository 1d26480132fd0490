import { allRoutes } from '../app.js'
import { withDocument } from '../routes/openapi.js'
import { withRefusals } from '../routes/refused.js'
import type { Route } from '../http/router.js'
import type { Region } from '../region.js'
import { openApiDocument } from './document.js'

/** Every route of a region, of no region: routes look into theirs only when they are called, and these never are. */
export const describedRoutes = (): readonly Route[] =>
  withDocument(withRefusals(allRoutes({ config: {}, replica: {} } as unknown as Region)))

/** What `/openapi.json` answers, without a region. */
export const publishedDocument = (): Record<string, unknown> => openApiDocument(describedRoutes())
