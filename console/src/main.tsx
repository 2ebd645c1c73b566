// Puts the console into its page.
import { render } from 'preact'
import { App } from './app.tsx'
import { Boundary } from './parts/boundary.tsx'

const root = document.getElementById('app')
const app = (
  <Boundary address="">
    <App />
  </Boundary>
)
if (root !== null) render(app, root)
