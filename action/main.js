'use strict';
require('./launch.js').launch(['build']);
