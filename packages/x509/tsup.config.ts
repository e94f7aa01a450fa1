import { library } from '../../tsup.base.ts';

export default library(['src/index.ts', 'src/issue/index.ts', 'src/node/index.ts']);
