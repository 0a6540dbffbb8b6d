// Dynamics of Gymnasium's classic control environments, as a page plays them: states, steps, and what a policy observes.
"use strict";
const arenaControls = (() => {
  const { sin, cos, PI, fround } = Math;
  const clip = (value, low, high) => Math.min(Math.max(value, low), high);
  const between = (random, low, high) => low + (high - low) * random();
  const floats = (...values) => values.map(fround);

  const cartPole = {
    maxSteps: 500,
    framesPerSecond: 50,
    actions: ["left", "right"],
    keys: { left: 0, right: 1 },
    start: (random) => Array.from({ length: 4 }, () => between(random, -0.05, 0.05)),
    observe: (state) => floats(...state),
    step([x, xSpeed, angle, angleSpeed], action) {
      const mass = 0.1 + 1.0, poleMassLength = 0.1 * 0.5, tau = 0.02, limit = (12 * 2 * PI) / 360;
      const force = action === 1 ? 10.0 : -10.0, cosine = cos(angle), sine = sin(angle);
      const temp = (force + poleMassLength * (angleSpeed * angleSpeed) * sine) / mass;
      const angleAcceleration = (9.8 * sine - cosine * temp) / (0.5 * (4.0 / 3.0 - (0.1 * (cosine * cosine)) / mass));
      const acceleration = temp - (poleMassLength * angleAcceleration * cosine) / mass;
      const state = [x + tau * xSpeed, xSpeed + tau * acceleration, angle + tau * angleSpeed, angleSpeed + tau * angleAcceleration];
      return { state, reward: 1, terminated: Math.abs(state[0]) > 2.4 || Math.abs(state[2]) > limit };
    },
    // Shapes of a picture 300 wide and 200 high: lines [x, y, x, y, width], circles [x, y, radius], dotted lines that mark bounds and goals.
    draw([x, , angle]) {
      const cart = 150 + x * 55, top = [cart + 80 * sin(angle), 140 - 80 * cos(angle)];
      const limits = [150 - 2.4 * 55, 150 + 2.4 * 55];
      return {
        marks: limits.map((limit) => [limit, 120, limit, 170]),
        thin: [[0, 160, 300, 160]],
        lines: [[cart - 20, 150, cart + 20, 150, 16], [cart, 140, ...top, 6]],
        circles: [[cart, 140, 4]],
      };
    },
  };

  function acrobotRates([first, second, firstSpeed, secondSpeed], torque) {
    const d1 = 0.25 + (1.0 + 0.25 + 2 * 0.5 * cos(second)) + 1.0 + 1.0;
    const d2 = 0.25 + 0.5 * cos(second) + 1.0;
    const phi2 = 0.5 * 9.8 * cos(first + second - PI / 2.0);
    const phi1 = -0.5 * (secondSpeed * secondSpeed) * sin(second) - 2 * 0.5 * secondSpeed * firstSpeed * sin(second) + (0.5 + 1.0) * 9.8 * cos(first - PI / 2) + phi2;
    const secondRate = (torque + (d2 / d1) * phi1 - 0.5 * (firstSpeed * firstSpeed) * sin(second) - phi2) / (0.25 + 1.0 - (d2 * d2) / d1);
    return [firstSpeed, secondSpeed, -(d2 * secondRate + phi1) / d1, secondRate];
  }

  function wrapped(angle) {
    while (angle > PI) angle -= 2 * PI;
    while (angle < -PI) angle += 2 * PI;
    return angle;
  }

  const acrobot = {
    maxSteps: 500,
    framesPerSecond: 15,
    actions: ["torque to the left", "no torque", "torque to the right"],
    keys: { left: 0, none: 1, right: 2 },
    start: (random) => Array.from({ length: 4 }, () => fround(between(random, -0.1, 0.1))),
    observe: ([first, second, firstSpeed, secondSpeed]) => floats(cos(first), sin(first), cos(second), sin(second), firstSpeed, secondSpeed),
    step(before, action) {
      const torque = action - 1, dt = 0.2, moved = (rates, time) => before.map((value, index) => value + time * rates[index]);
      const k1 = acrobotRates(before, torque), k2 = acrobotRates(moved(k1, dt / 2), torque);
      const k3 = acrobotRates(moved(k2, dt / 2), torque), k4 = acrobotRates(moved(k3, dt), torque);
      const after = before.map((value, index) => value + (dt / 6) * (k1[index] + 2 * k2[index] + 2 * k3[index] + k4[index]));
      const state = [wrapped(after[0]), wrapped(after[1]), clip(after[2], -4 * PI, 4 * PI), clip(after[3], -9 * PI, 9 * PI)];
      const terminated = -cos(state[0]) - cos(state[1] + state[0]) > 1.0;
      return { state, reward: terminated ? 0 : -1, terminated };
    },
    draw([first, second]) {
      const middle = [150 + 42 * sin(first), 100 + 42 * cos(first)];
      const end = [middle[0] + 42 * sin(first + second), middle[1] + 42 * cos(first + second)];
      return { marks: [[40, 58, 260, 58]], thin: [], lines: [[150, 100, ...middle, 9], [...middle, ...end, 9]], circles: [[150, 100, 4], [...middle, 4]] };
    },
  };

  const height = (position) => 165 - 60 * (sin(3 * position) * 0.45 + 0.55) / 0.55;
  const mountainCar = {
    maxSteps: 200,
    framesPerSecond: 30,
    actions: ["accelerate to the left", "coast", "accelerate to the right"],
    keys: { left: 0, none: 1, right: 2 },
    start: (random) => [between(random, -0.6, -0.4), 0],
    observe: (state) => floats(...state),
    step([position, velocity], action) {
      let speed = clip(velocity + ((action - 1) * 0.001 + cos(3 * position) * -0.0025), -0.07, 0.07);
      const after = clip(position + speed, -1.2, 0.6);
      if (after === -1.2 && speed < 0) speed = 0;
      return { state: [after, speed], reward: -1, terminated: after >= 0.5 && speed >= 0 };
    },
    draw([position]) {
      const across = (place) => ((place + 1.2) / 1.8) * 280 + 10;
      const places = Array.from({ length: 37 }, (_, index) => -1.2 + index * 0.05);
      const hill = places.slice(1).map((place, index) => [across(places[index]), height(places[index]), across(place), height(place)]);
      const goal = [across(0.5), height(0.5)];
      return { marks: [[goal[0], goal[1], goal[0], goal[1] - 28]], thin: hill, lines: [], circles: [[across(position), height(position) - 8, 8]] };
    },
  };

  const pendulum = {
    maxSteps: 200,
    framesPerSecond: 30,
    actions: null, // one number: the torque
    bound: 2.0,
    keys: { left: 2.0, none: 0.0, right: -2.0 },
    start: (random) => [between(random, -PI, PI), between(random, -1, 1)],
    observe: ([angle, speed]) => floats(cos(angle), sin(angle), speed),
    step([angle, speed], action) {
      const torque = fround(clip(action, -2.0, 2.0)), turned = angle + PI;
      const normal = turned - 2 * PI * Math.floor(turned / (2 * PI)) - PI;
      const cost = normal * normal + 0.1 * (speed * speed) + fround(fround(0.001) * fround(torque * torque));
      const after = clip(speed + ((3 * 10.0) / 2.0 * sin(angle) + fround(3.0 * torque)) * 0.05, -8, 8);
      return { state: [angle + after * 0.05, after], reward: -cost, terminated: false };
    },
    draw([angle]) {
      const end = [150 - 70 * sin(angle), 100 - 70 * cos(angle)];
      return { marks: [[150, 18, 150, 28]], thin: [], lines: [[150, 100, ...end, 12]], circles: [[150, 100, 4]] };
    },
  };

  return { "CartPole-v1": cartPole, "Acrobot-v1": acrobot, "MountainCar-v0": mountainCar, "Pendulum-v1": pendulum };
})();

// Returns the action of a policy, or of the random player where it is null: an index, or a number within the bounds.
function arenaAction(control, state, policy, random) {
  if (policy === null) return control.actions ? Math.floor(random() * control.actions.length) : (2 * random() - 1) * control.bound;
  const { action } = policy.act(control.observe(state));
  return control.actions ? action : action[0];
}
