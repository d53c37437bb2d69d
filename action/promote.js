'use strict';
require('./launch.js').launch(['promote']);
