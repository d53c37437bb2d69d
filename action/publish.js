'use strict';
require('./launch.js').launch(['publish']);
